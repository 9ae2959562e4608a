"""A run in shards: pieces that are pure functions of their addresses, kept in files, whoever lives them."""
