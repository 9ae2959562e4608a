"""What is asked: the strict reader of scenario files. It knows nothing of the kernel."""
