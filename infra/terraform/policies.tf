data "aws_iam_policy_document" "queue" {
  for_each = local.queue_arns

  # The services look for this statement by its name, and leave it alone while it admits the topics that they want.
  dynamic "statement" {
    for_each = contains(keys(local.sources), each.key) ? [local.sources[each.key]] : []

    content {
      sid       = "ThroughlineTopics"
      actions   = ["sqs:SendMessage"]
      resources = [each.value]

      principals {
        type        = "Service"
        identifiers = ["sns.amazonaws.com"]
      }

      condition {
        test     = "ArnEquals"
        variable = "aws:SourceArn"
        values   = statement.value
      }

      condition {
        test     = "StringEquals"
        variable = "aws:SourceAccount"
        values   = [data.aws_caller_identity.current.account_id]
      }
    }
  }

  statement {
    sid       = "DenyPlainText"
    effect    = "Deny"
    actions   = ["sqs:*"]
    resources = [each.value]

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

resource "aws_sqs_queue_policy" "main" {
  for_each = local.queue_urls

  queue_url = each.value
  policy    = data.aws_iam_policy_document.queue[each.key].json
}
