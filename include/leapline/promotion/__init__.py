"""Which image is the champion: the tags, the ledger of their moves, and the agreement of both."""
