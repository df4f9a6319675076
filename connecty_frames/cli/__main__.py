"""``python -m connecty_frames.cli``, if the command is not on the path."""

from connecty_frames.cli.app import main

main()
