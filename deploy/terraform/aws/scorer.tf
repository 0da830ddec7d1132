# The scorer on ECS Fargate behind an internal load balancer. Leapline changes its image after the first deployment.
locals {
  scorer = "${var.name}-scorer"
  port   = 8080
}

data "aws_iam_policy_document" "assume_task" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["ecs-tasks.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }
  }
}

# ECS pulls the image and writes the log with this role.
resource "aws_iam_role" "execution" {
  name               = "${local.scorer}-execution"
  assume_role_policy = data.aws_iam_policy_document.assume_task.json
}

data "aws_iam_policy_document" "execution" {
  statement {
    sid       = "RegistryLogin"
    actions   = ["ecr:GetAuthorizationToken"]
    resources = ["*"]
  }

  statement {
    sid       = "Pull"
    actions   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    resources = [aws_ecr_repository.scorer.arn]
  }

  statement {
    sid       = "Log"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.scorer.arn}:*"]
  }
}

resource "aws_iam_role_policy" "execution" {
  name   = "execution"
  role   = aws_iam_role.execution.id
  policy = data.aws_iam_policy_document.execution.json
}

# The scorer itself calls no service of AWS, so its role has no policy.
resource "aws_iam_role" "task" {
  name               = "${local.scorer}-task"
  assume_role_policy = data.aws_iam_policy_document.assume_task.json
}

resource "aws_cloudwatch_log_group" "scorer" {
  name              = "/ecs/${local.scorer}"
  retention_in_days = var.log_retention_days
  kms_key_id        = aws_kms_key.data.arn
}

resource "aws_ecs_cluster" "scorer" {
  name = local.scorer

  setting {
    name  = "containerInsights"
    value = "enabled"
  }
}

resource "aws_ecs_task_definition" "scorer" {
  count = local.has_scorer ? 1 : 0

  family                   = local.scorer
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = 256
  memory                   = 512
  execution_role_arn       = aws_iam_role.execution.arn
  task_role_arn            = aws_iam_role.task.arn
  # Former revisions are what a rollback by hand returns to.
  skip_destroy = true

  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = var.architecture
  }

  container_definitions = jsonencode([{
    name                   = "scorer"
    image                  = "${aws_ecr_repository.scorer.repository_url}@${var.champion_digest}"
    essential              = true
    readonlyRootFilesystem = true
    user                   = "65532:65532"
    stopTimeout            = 20
    linuxParameters        = { capabilities = { drop = ["ALL"] } }
    portMappings           = [{ containerPort = local.port, protocol = "tcp" }]
    environment            = [{ name = "SCORER_MAX_MEMORY", value = "400MiB" }]

    healthCheck = {
      command     = ["CMD", "/scorer", "health"]
      interval    = 10
      timeout     = 5
      retries     = 3
      startPeriod = 10
    }

    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-group         = aws_cloudwatch_log_group.scorer.name
        awslogs-region        = local.region
        awslogs-stream-prefix = "scorer"
      }
    }
  }])
}

resource "aws_ecs_service" "scorer" {
  count = local.has_scorer ? 1 : 0

  name                               = local.scorer
  cluster                            = aws_ecs_cluster.scorer.id
  task_definition                    = aws_ecs_task_definition.scorer[0].arn
  desired_count                      = var.scorer_tasks.min
  launch_type                        = "FARGATE"
  deployment_minimum_healthy_percent = 100
  deployment_maximum_percent         = 200
  health_check_grace_period_seconds  = 30
  propagate_tags                     = "SERVICE"

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  network_configuration {
    subnets          = var.subnet_ids
    security_groups  = [aws_security_group.scorer.id]
    assign_public_ip = false
  }

  load_balancer {
    target_group_arn = aws_lb_target_group.scorer.arn
    container_name   = "scorer"
    container_port   = local.port
  }

  # Leapline deploys each champion, and the autoscaling sets the number of tasks: an apply must not undo either.
  lifecycle {
    ignore_changes = [task_definition, desired_count]
  }

  depends_on = [aws_lb_listener.scorer, aws_iam_role_policy.execution]
}

resource "aws_appautoscaling_target" "scorer" {
  count = local.has_scorer ? 1 : 0

  service_namespace  = "ecs"
  scalable_dimension = "ecs:service:DesiredCount"
  resource_id        = "service/${aws_ecs_cluster.scorer.name}/${aws_ecs_service.scorer[0].name}"
  min_capacity       = var.scorer_tasks.min
  max_capacity       = var.scorer_tasks.max
}

resource "aws_appautoscaling_policy" "scorer" {
  count = local.has_scorer ? 1 : 0

  name               = "cpu"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = aws_appautoscaling_target.scorer[0].service_namespace
  scalable_dimension = aws_appautoscaling_target.scorer[0].scalable_dimension
  resource_id        = aws_appautoscaling_target.scorer[0].resource_id

  target_tracking_scaling_policy_configuration {
    target_value = 60

    predefined_metric_specification {
      predefined_metric_type = "ECSServiceAverageCPUUtilization"
    }
  }
}
