data "aws_caller_identity" "current" {}

locals {
  suffix = var.fifo ? ".fifo" : ""
  tags   = merge(var.tags, { "throughline:namespace" = var.namespace })

  subscriptions = merge([
    for group, queue in var.queues : {
      for topic in queue.topics : "${topic}-to-${group}" => { topic = topic, group = group }
    }
  ]...)

  # What AWS keeps a message in, by purpose: what is to be handled, what failed, and what never arrived.
  queue_arns = merge(
    { for group, queue in aws_sqs_queue.main : group => queue.arn },
    { for group, queue in aws_sqs_queue.dead_letters : "${group}-dlq" => queue.arn },
    { for group, queue in aws_sqs_queue.undelivered : "${group}-undelivered" => queue.arn },
  )
  queue_urls = merge(
    { for group, queue in aws_sqs_queue.main : group => queue.url },
    { for group, queue in aws_sqs_queue.dead_letters : "${group}-dlq" => queue.url },
    { for group, queue in aws_sqs_queue.undelivered : "${group}-undelivered" => queue.url },
  )

  # SNS writes into a group's queue and, where it cannot, into the queue of what it could not deliver.
  sources = merge([
    for group, queue in var.queues : {
      (group)                = [for topic in queue.topics : aws_sns_topic.main[topic].arn]
      "${group}-undelivered" = [for topic in queue.topics : aws_sns_topic.main[topic].arn]
    }
  ]...)
}
