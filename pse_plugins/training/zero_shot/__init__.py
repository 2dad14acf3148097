"""Speaker-informed model selection (Sivaraman & Kim): a gate on the noisy signal, and specialists."""
