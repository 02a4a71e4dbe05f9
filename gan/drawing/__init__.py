"""What the pipeline is made of beside the generator: settings, output, exact arithmetic, publishing."""
