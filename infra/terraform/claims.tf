# Bodies too big to travel, where CLAIMS_URL is s3://<this bucket>. The services remove old ones; the rule is for the day
# when none of them runs.
resource "aws_s3_bucket" "claims" {
  count = var.claims_bucket == null ? 0 : 1

  bucket = var.claims_bucket
  tags   = local.tags
}

resource "aws_s3_bucket_public_access_block" "claims" {
  count = length(aws_s3_bucket.claims)

  bucket                  = aws_s3_bucket.claims[count.index].id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_server_side_encryption_configuration" "claims" {
  count = length(aws_s3_bucket.claims)

  bucket = aws_s3_bucket.claims[count.index].id

  rule {
    bucket_key_enabled = true

    apply_server_side_encryption_by_default {
      sse_algorithm     = var.kms_key_id == null ? "AES256" : "aws:kms"
      kms_master_key_id = var.kms_key_id
    }
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "claims" {
  count = length(aws_s3_bucket.claims)

  bucket = aws_s3_bucket.claims[count.index].id

  rule {
    id     = "forgotten-bodies"
    status = "Enabled"

    filter {}

    expiration {
      days = 91
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 1
    }
  }
}

data "aws_iam_policy_document" "claims" {
  count = length(aws_s3_bucket.claims)

  statement {
    sid       = "DenyPlainText"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [aws_s3_bucket.claims[count.index].arn, "${aws_s3_bucket.claims[count.index].arn}/*"]

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

resource "aws_s3_bucket_policy" "claims" {
  count = length(aws_s3_bucket.claims)

  bucket = aws_s3_bucket.claims[count.index].id
  policy = data.aws_iam_policy_document.claims[count.index].json
}
