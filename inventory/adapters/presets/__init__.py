"""Order lines and counts in the files of other shop software, as rows of ours."""
