"""Running the kernel: shards and threads, months of a book that policies read, a few borrowers step by step."""
