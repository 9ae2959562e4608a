"""What the lender does: one file each, found by its name; the file's name is its `kind`."""
