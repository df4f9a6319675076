"""``python -m connecty_frames.cli``, where the command is not on the path."""

from connecty_frames.cli.app import main

main()
