variable "name" {
  description = "Prefix of every resource's name."
  type        = string
  default     = "leapline"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,20}$", var.name))
    error_message = "The name must have 2 to 21 lower-case letters, digits and hyphens, and start with a letter."
  }
}

variable "lake_bucket" {
  description = "Name of the bucket of the lake, which is created."
  type        = string
}

variable "landing_bucket" {
  description = "Name of the bucket with Snowplow's enriched events, which exists."
  type        = string
}

variable "landing_prefix" {
  description = "Prefix of the enriched events in it, without a final slash."
  type        = string
  default     = "enriched/good"
}

variable "repository" {
  description = "Name of the ECR repository of the scoring image, which is created."
  type        = string
  default     = "leapline/scorer"
}

variable "pipeline_principals" {
  description = "Who may assume the pipeline's role: ARNs of the roles of Airflow's workers. Empty with pipeline_service."
  type        = list(string)
  default     = []
}

variable "pipeline_service" {
  description = "AWS service whose tasks run Airflow's workers and may assume the pipeline's role, such as ecs-tasks.amazonaws.com or ec2.amazonaws.com; empty for none."
  type        = string
  default     = "ecs-tasks.amazonaws.com"
}

variable "vpc_id" {
  description = "VPC of the scorer."
  type        = string
}

variable "subnet_ids" {
  description = "Private subnets of the scorer, with a route to ECR, S3 and CloudWatch Logs (NAT gateway or VPC endpoints)."
  type        = list(string)

  validation {
    condition     = length(var.subnet_ids) >= 2
    error_message = "Two or more subnets in different availability zones are needed."
  }
}

variable "client_security_group_ids" {
  description = "Security groups of the clients that may send requests to the scorer."
  type        = list(string)
}

variable "certificate_arn" {
  description = "Certificate in ACM for the name under which the clients reach the scorer, because sessions are sent to it."
  type        = string
}

variable "champion_digest" {
  description = "Digest of the first image of the scorer, sha256:...; empty until the first model is published, and no scorer is created."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^(sha256:[0-9a-f]{64})?$", var.champion_digest))
    error_message = "A digest is sha256: and 64 hexadecimal digits, as `crane digest` prints it."
  }
}

variable "architecture" {
  description = "Processor of the scorer's tasks: ARM64 or X86_64."
  type        = string
  default     = "ARM64"

  validation {
    condition     = contains(["ARM64", "X86_64"], var.architecture)
    error_message = "The architecture must be ARM64 or X86_64."
  }
}

variable "scorer_tasks" {
  description = "Smallest and largest number of the scorer's tasks."
  type        = object({ min = number, max = number })
  default     = { min = 2, max = 10 }
}

variable "log_retention_days" {
  description = "Days for which logs of the scorer are kept."
  type        = number
  default     = 30
}

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
  default     = {}
}
