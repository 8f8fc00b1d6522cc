"""What answering costs before it is run: seconds, memory and money, from a model's shape and a device's constants."""
