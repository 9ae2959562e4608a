"""Shards lived by other processes, here or on a cluster, and lived again to verify a run."""
