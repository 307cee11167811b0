"""Operations by key (调用、复用、核对、比对、订阅): clients, calls, intake, slips, batches."""
