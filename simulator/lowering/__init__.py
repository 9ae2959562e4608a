"""Settings to integers: who borrows and on which terms, why people pay, the outside world, the levers."""
