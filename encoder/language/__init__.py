"""The generated language that the conditioning head learns from and is tested on."""
