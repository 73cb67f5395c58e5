"""The encoder, its towers and their Hugging Face form."""
