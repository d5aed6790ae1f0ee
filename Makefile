# Every task is in make.py, so that Windows runs the same ones without make.
PYTHON ?= python3

.PHONY: report test install engines lint slow lab bench
report test install engines lint slow lab bench:
	@$(PYTHON) make.py $@
