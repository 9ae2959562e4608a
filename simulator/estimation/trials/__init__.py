"""Effects learned from trials: a randomised test of a policy, and the setting that it informs."""
