"""What commands print: for people, or JSON for programs."""
