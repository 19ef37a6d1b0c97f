"""Distillation: mixtures for two front-ends, the teacher's answers, and the objective."""
