from hummdesk.cli import main

main(prog_name="python -m hummdesk")
