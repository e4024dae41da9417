# What handlers have given up.
resource "aws_sqs_queue" "dead_letters" {
  for_each = var.queues

  name                      = "${var.namespace}-${each.key}-dlq${local.suffix}"
  fifo_queue                = var.fifo
  message_retention_seconds = var.dead_letter_retention_days * 86400
  sqs_managed_sse_enabled   = var.kms_key_id == null ? true : null
  kms_master_key_id         = var.kms_key_id
  tags                      = local.tags
}

# What SNS could not deliver: for want of a right or of the queue itself.
resource "aws_sqs_queue" "undelivered" {
  for_each = var.queues

  name                      = "${var.namespace}-${each.key}-undelivered${local.suffix}"
  fifo_queue                = var.fifo
  message_retention_seconds = var.dead_letter_retention_days * 86400
  sqs_managed_sse_enabled   = var.kms_key_id == null ? true : null
  kms_master_key_id         = var.kms_key_id
  tags                      = local.tags
}

resource "aws_sqs_queue" "main" {
  for_each = var.queues

  name                        = "${var.namespace}-${each.key}${local.suffix}"
  fifo_queue                  = var.fifo
  content_based_deduplication = var.fifo ? false : null
  deduplication_scope         = var.fifo ? "messageGroup" : null
  fifo_throughput_limit       = var.fifo ? "perMessageGroupId" : null
  visibility_timeout_seconds  = var.visibility_timeout_seconds
  receive_wait_time_seconds   = var.receive_wait_time_seconds
  message_retention_seconds   = var.retention_days * 86400
  sqs_managed_sse_enabled     = var.kms_key_id == null ? true : null
  kms_master_key_id           = var.kms_key_id
  tags                        = local.tags

  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead_letters[each.key].arn
    maxReceiveCount     = each.value.max_receive_count
  })
}

resource "aws_sqs_queue_redrive_allow_policy" "dead_letters" {
  for_each = var.queues

  queue_url = aws_sqs_queue.dead_letters[each.key].url

  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = [aws_sqs_queue.main[each.key].arn]
  })
}

resource "aws_sqs_queue_redrive_allow_policy" "undelivered" {
  for_each = var.queues

  queue_url            = aws_sqs_queue.undelivered[each.key].url
  redrive_allow_policy = jsonencode({ redrivePermission = "denyAll" })
}
