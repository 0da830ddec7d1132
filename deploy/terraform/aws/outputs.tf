output "settings" {
  description = "Leapline's settings for these resources, as lines of a .env file."
  value = join("\n", [
    "LEAPLINE_LAKE=s3://${aws_s3_bucket.lake.id}/lake",
    "LEAPLINE_LANDING=s3://${var.landing_bucket}/${var.landing_prefix}",
    "LEAPLINE_S3_REGION=${local.region}",
    "LEAPLINE_REGISTRY=${split("/", aws_ecr_repository.scorer.repository_url)[0]}",
    "LEAPLINE_REPOSITORY=${aws_ecr_repository.scorer.name}",
    local.has_scorer ? "LEAPLINE_DEPLOY=ecs://${local.scorer}/${local.scorer}?region=${local.region}" : "LEAPLINE_DEPLOY=none",
  ])
}

output "pipeline_role_arn" {
  description = "Role of Airflow's workers."
  value       = aws_iam_role.pipeline.arn
}

output "scorer_dns_name" {
  description = "Name of the load balancer inside the VPC; the certificate's name is an alias of it."
  value       = aws_lb.scorer.dns_name
}
