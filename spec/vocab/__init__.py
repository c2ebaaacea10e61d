"""The vocabularies of SCOPE, one token a line; the line number from 0 is the id."""
