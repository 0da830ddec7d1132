"""Tests of leapline.evaluation."""
