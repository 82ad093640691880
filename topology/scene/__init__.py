"""What a picture of a network shows, and where: boxes, links, allowed flows, changes; no text."""
