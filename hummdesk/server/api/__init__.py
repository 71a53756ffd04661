"""The REST API at `/api/v1`: a function in `routes` for each route of the table in `hummdesk.contract.rest`."""
