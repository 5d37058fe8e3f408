"""Published figures reproduced, one experiment a file."""
