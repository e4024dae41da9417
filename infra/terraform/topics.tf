resource "aws_sns_topic" "main" {
  for_each = var.topics

  name                        = "${var.namespace}-${each.key}${local.suffix}"
  fifo_topic                  = var.fifo
  content_based_deduplication = var.fifo ? false : null
  fifo_throughput_scope       = var.fifo ? "MessageGroup" : null
  kms_master_key_id           = coalesce(var.kms_key_id, "alias/aws/sns")
  tags                        = merge(local.tags, { "throughline:type" = each.value })
}

# A policy takes the place of the one that lets the account's own principals publish, so that says so too.
data "aws_iam_policy_document" "topic" {
  for_each = var.topics

  statement {
    sid       = "OwnAccount"
    actions   = ["sns:Publish", "sns:Subscribe", "sns:GetTopicAttributes"]
    resources = [aws_sns_topic.main[each.key].arn]

    principals {
      type        = "AWS"
      identifiers = [data.aws_caller_identity.current.account_id]
    }
  }

  statement {
    sid       = "DenyPlainText"
    effect    = "Deny"
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.main[each.key].arn]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

resource "aws_sns_topic_policy" "main" {
  for_each = var.topics

  arn    = aws_sns_topic.main[each.key].arn
  policy = data.aws_iam_policy_document.topic[each.key].json
}

resource "aws_sns_topic_subscription" "main" {
  for_each = local.subscriptions

  topic_arn            = aws_sns_topic.main[each.value.topic].arn
  protocol             = "sqs"
  endpoint             = aws_sqs_queue.main[each.value.group].arn
  raw_message_delivery = true
  redrive_policy       = jsonencode({ deadLetterTargetArn = aws_sqs_queue.undelivered[each.value.group].arn })

  # Before SNS may write, what it delivers would be refused.
  depends_on = [aws_sqs_queue_policy.main]
}
