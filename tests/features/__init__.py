"""Tests of leapline.features."""
