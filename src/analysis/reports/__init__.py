"""Reports: run a notebook in a clean process, check what it shows, publish it so that nothing is half done."""
