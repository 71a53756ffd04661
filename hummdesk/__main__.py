from hummdesk.cli import main

main()
