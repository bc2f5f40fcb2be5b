"""What the programs need of the outside, as protocols that adapters fulfil."""
