"""Training of speaker encoders: to tell voices apart, noisy or not."""
