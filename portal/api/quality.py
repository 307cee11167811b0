"""Quality over the API."""

from exchange import conformance, quality_scores
from portal.service import Api

api = Api("质量")
router = api.router

api.get("/quality", quality_scores.list_scores, key="dataset")
api.get("/quality/{dataset}", quality_scores.entry_quality)
api.get("/runs/{run_id}/result", quality_scores.run_result)
api.get("/conformance", conformance.report)
