# The role of Airflow's workers: read events, write the lake, publish images, deploy the scorer. Nothing else.
data "aws_iam_policy_document" "assume_pipeline" {
  dynamic "statement" {
    for_each = length(var.pipeline_principals) > 0 ? [1] : []

    content {
      actions = ["sts:AssumeRole"]

      principals {
        type        = "AWS"
        identifiers = var.pipeline_principals
      }
    }
  }

  dynamic "statement" {
    for_each = var.pipeline_service != "" ? [1] : []

    content {
      actions = ["sts:AssumeRole"]

      principals {
        type        = "Service"
        identifiers = [var.pipeline_service]
      }

      # Not every service sends the account; ECS does.
      dynamic "condition" {
        for_each = var.pipeline_service == "ecs-tasks.amazonaws.com" ? [1] : []

        content {
          test     = "StringEquals"
          variable = "aws:SourceAccount"
          values   = [local.account]
        }
      }
    }
  }
}

resource "aws_iam_role" "pipeline" {
  name               = "${var.name}-pipeline"
  description        = "Airflow's workers: read events, write the lake, publish and deploy models"
  assume_role_policy = data.aws_iam_policy_document.assume_pipeline.json
}

data "aws_iam_policy_document" "pipeline" {
  statement {
    sid       = "ListLanding"
    actions   = ["s3:ListBucket"]
    resources = ["${local.arn}:s3:::${var.landing_bucket}"]

    condition {
      test     = "StringLike"
      variable = "s3:prefix"
      values   = [var.landing_prefix, "${var.landing_prefix}/*"]
    }
  }

  statement {
    sid       = "ReadLanding"
    actions   = ["s3:GetObject"]
    resources = ["${local.arn}:s3:::${var.landing_bucket}/${var.landing_prefix}/*"]
  }

  statement {
    sid       = "ListLake"
    actions   = ["s3:ListBucket", "s3:ListBucketMultipartUploads"]
    resources = [aws_s3_bucket.lake.arn]
  }

  statement {
    sid       = "WriteLake"
    actions   = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"]
    resources = ["${aws_s3_bucket.lake.arn}/*"]
  }

  statement {
    sid       = "LakeKey"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [aws_kms_key.data.arn]
  }

  statement {
    sid       = "RegistryLogin"
    actions   = ["ecr:GetAuthorizationToken"]
    resources = ["*"]
  }

  statement {
    sid = "Publish"
    actions = [
      "ecr:BatchCheckLayerAvailability",
      "ecr:BatchGetImage",
      "ecr:CompleteLayerUpload",
      "ecr:DescribeRepositories",
      "ecr:GetDownloadUrlForLayer",
      "ecr:InitiateLayerUpload",
      "ecr:ListImages",
      "ecr:PutImage",
      "ecr:UploadLayerPart",
    ]
    resources = [aws_ecr_repository.scorer.arn]
  }

  statement {
    sid       = "DeployService"
    actions   = ["ecs:DescribeServices", "ecs:UpdateService"]
    resources = ["${local.arn}:ecs:${local.at}:service/${local.scorer}/${local.scorer}"]
  }

  # Neither action can be limited to a task definition that does not exist yet.
  statement {
    sid       = "DeployDefinition"
    actions   = ["ecs:DescribeTaskDefinition", "ecs:RegisterTaskDefinition"]
    resources = ["*"]
  }

  statement {
    sid       = "DeployTags"
    actions   = ["ecs:TagResource"]
    resources = ["${local.arn}:ecs:${local.at}:task-definition/${local.scorer}:*"]
  }

  statement {
    sid       = "DeployRoles"
    actions   = ["iam:PassRole"]
    resources = [aws_iam_role.execution.arn, aws_iam_role.task.arn]

    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values   = ["ecs-tasks.amazonaws.com"]
    }
  }
}

resource "aws_iam_role_policy" "pipeline" {
  name   = "pipeline"
  role   = aws_iam_role.pipeline.id
  policy = data.aws_iam_policy_document.pipeline.json
}
