"""The sides of a diff, read from where they are: files, git revisions, deployed stacks."""
