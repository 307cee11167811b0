"""The entry form over the API: what it asks, what is wrong with a filled one, and saving it as draft."""

from exchange import entry_form
from portal.service import Api

api = Api("目录条目表单")
router = api.router

api.get("/forms/entry", entry_form.open_form)
api.post("/forms/entry/check", entry_form.check_form)
api.post("/forms/entry/draft", entry_form.save_draft)
