"""Programs that install packages, measure the code, and write parts of the documentation."""
