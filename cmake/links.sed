# Links of a document lead to files that are no pages of the reference.
s/\[\([^]]*\)\]([^)]*)/\1/g
