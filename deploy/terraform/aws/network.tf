# Clients reach the load balancer, the load balancer reaches the scorer, and the scorer reaches ECR and CloudWatch.
resource "aws_security_group" "balancer" {
  name        = "${local.scorer}-balancer"
  description = "Requests of the clients of the scorer"
  vpc_id      = var.vpc_id
}

resource "aws_vpc_security_group_ingress_rule" "clients" {
  for_each = toset(var.client_security_group_ids)

  security_group_id            = aws_security_group.balancer.id
  description                  = "Requests of a client"
  referenced_security_group_id = each.value
  ip_protocol                  = "tcp"
  from_port                    = 443
  to_port                      = 443
}

resource "aws_vpc_security_group_egress_rule" "balancer" {
  security_group_id            = aws_security_group.balancer.id
  description                  = "To the scorer"
  referenced_security_group_id = aws_security_group.scorer.id
  ip_protocol                  = "tcp"
  from_port                    = local.port
  to_port                      = local.port
}

resource "aws_security_group" "scorer" {
  name        = local.scorer
  description = "Tasks of the scorer"
  vpc_id      = var.vpc_id
}

resource "aws_vpc_security_group_ingress_rule" "scorer" {
  security_group_id            = aws_security_group.scorer.id
  description                  = "From the load balancer"
  referenced_security_group_id = aws_security_group.balancer.id
  ip_protocol                  = "tcp"
  from_port                    = local.port
  to_port                      = local.port
}

# Fargate pulls the image and writes logs through the task's interface.
resource "aws_vpc_security_group_egress_rule" "scorer" {
  security_group_id = aws_security_group.scorer.id
  description       = "ECR, S3 and CloudWatch Logs"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

resource "aws_lb" "scorer" {
  name                       = local.scorer
  internal                   = true
  load_balancer_type         = "application"
  subnets                    = var.subnet_ids
  security_groups            = [aws_security_group.balancer.id]
  drop_invalid_header_fields = true
  enable_deletion_protection = true
}

resource "aws_lb_target_group" "scorer" {
  name                 = local.scorer
  vpc_id               = var.vpc_id
  target_type          = "ip"
  protocol             = "HTTP"
  port                 = local.port
  deregistration_delay = 15

  health_check {
    path                = "/readyz"
    matcher             = "200"
    interval            = 10
    healthy_threshold   = 2
    unhealthy_threshold = 2
  }
}

resource "aws_lb_listener" "scorer" {
  load_balancer_arn = aws_lb.scorer.arn
  protocol          = "HTTPS"
  port              = 443
  ssl_policy        = "ELBSecurityPolicy-TLS13-1-2-2021-06"
  certificate_arn   = var.certificate_arn

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.scorer.arn
  }
}
