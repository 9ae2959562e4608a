"""Why people pay, as far as a panel tells: the structural model fitted to it."""
