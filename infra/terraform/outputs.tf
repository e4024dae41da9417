output "topic_arns" {
  description = "By the name of the topic, without the namespace."
  value       = { for name, topic in aws_sns_topic.main : name => topic.arn }
}

output "queue_arns" {
  description = "By group; with -dlq what failed, with -undelivered what never arrived."
  value       = local.queue_arns
}
