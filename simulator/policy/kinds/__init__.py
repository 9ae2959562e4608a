"""The policies themselves: one small file each, whose name is its `kind`."""
