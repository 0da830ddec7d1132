# The AWS side of an installation: bucket of the lake (lake.tf), repository of the image (registry.tf), role of the
# pipeline (pipeline.tf), and the scorer on ECS (scorer.tf). The VPC, the events' bucket and Airflow itself exist.

provider "aws" {
  default_tags {
    tags = merge({ application = var.name }, var.tags)
  }
}

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  account   = data.aws_caller_identity.current.account_id
  partition = data.aws_partition.current.partition
  region    = data.aws_region.current.region
  arn       = "arn:${local.partition}"
  at        = "${local.region}:${local.account}"

  has_scorer = var.champion_digest != ""
}
