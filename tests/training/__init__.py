"""Tests of leapline.training."""
