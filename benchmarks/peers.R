# Peers written in R, one call at a time: reads "job <tab> folder", answers with processor seconds.
options(warn = -1)
quiet <- function(p) if (!suppressWarnings(suppressMessages(require(p, character.only = TRUE, quietly = TRUE)))) stop("not installed")
fetch <- function(folder) {
  shapes <- read.table(file.path(folder, "shapes.txt"), sep = "\t", stringsAsFactors = FALSE)
  d <- list()
  for (i in seq_len(nrow(shapes))) {
    v <- readBin(file.path(folder, paste0(shapes[i, 1], ".bin")), "double", shapes[i, 2] * shapes[i, 3])
    d[[shapes[i, 1]]] <- if (shapes[i, 3] == 1) v else matrix(v, shapes[i, 2])
  }
  d
}
jobs <- list(
  concordance = function(d) { quiet("survival"); y <- Surv(d$time, d$event); x <- d$score
    function() concordance(y ~ x, reverse = TRUE) },
  uno = function(d) { quiet("survival"); y <- Surv(d$time, d$event); x <- d$score
    function() concordance(y ~ x, reverse = TRUE, timewt = "n/G2") },
  score_auc = function(d) { quiet("riskRegression"); quiet("prodlim"); r <- d$risk; t <- d$horizons
    table <- data.frame(time = d$time, event = d$event)
    function() Score(list(m = r), Hist(time, event) ~ 1, table, times = t, metrics = "AUC", se.fit = TRUE,
                     null.model = FALSE, conf.int = TRUE) },
  score_brier = function(d) { quiet("riskRegression"); quiet("prodlim"); r <- d$risk; t <- d$horizons
    table <- data.frame(time = d$time, event = d$event)
    function() Score(list(m = r), Hist(time, event) ~ 1, table, times = t, metrics = "Brier", se.fit = TRUE,
                     null.model = TRUE, conf.int = TRUE) },
  coxph_core = function(d) { quiet("survival"); y <- Surv(d$time, d$event); x <- d$X; n <- as.character(seq_len(nrow(x)))
    function() coxph.fit(x, y, NULL, NULL, NULL, coxph.control(), NULL, "efron", n, resid = FALSE) },
  coxph = function(d) { quiet("survival"); table <- data.frame(d$X, time = d$time, event = d$event)
    function() coxph(Surv(time, event) ~ ., table) },
  glmnet = function(d) { quiet("glmnet"); quiet("survival"); y <- Surv(d$time, d$event); x <- d$X
    function() glmnet(x, y, family = "cox", alpha = 0.5, lambda = d$penalties) },
  bootstrap = function(d) { quiet("survival"); y <- Surv(d$time, d$event); x <- d$X; n <- nrow(x); id <- as.character(1:n)
    function() { set.seed(1); for (b in 1:20) { w <- as.vector(rmultinom(1, n, rep(1, n))); k <- w > 0
      f <- coxph.fit(x[k, ], y[k], NULL, NULL, NULL, coxph.control(), w[k], "efron", id[k], resid = FALSE)
      concordancefit(y, drop(x %*% f$coefficients), reverse = TRUE, std.err = FALSE) } } },
  validate = function(d) { quiet("rms"); table <- data.frame(d$X, time = d$time, event = d$event)
    f <- cph(as.formula(paste("Surv(time, event) ~", paste0("X", seq_len(ncol(d$X)), collapse = " + "))), table,
             x = TRUE, y = TRUE, surv = TRUE, time.inc = d$horizons[1])
    function() { set.seed(1); validate(f, B = 200, dxy = TRUE, u = d$horizons[1]) } },
  orm = function(d) { quiet("rms"); table <- data.frame(d$X, score = d$score)
    f <- as.formula(paste("score ~", paste0("X", seq_len(ncol(d$X)), collapse = " + ")))
    function() orm(f, table) },
  survfit_states = function(d) { quiet("survival")
    table <- data.frame(id = d$patient, start = d$start, stop = d$stop,
                        state = factor(d$entered, 0:2, c("censored", "ill", "gone")))
    function() survfit(Surv(start, stop, state) ~ 1, table, id = id) },
  lme = function(d) { quiet("nlme"); n <- nrow(d$X)
    table <- data.frame(d$X[rep(1:n, 3), ], y = as.vector(d$values), id = rep(1:n, 3), visit = factor(rep(1:3, each = n)))
    function() lme(y ~ visit * (X1 + X2 + X3), table, random = ~ 1 | id) },
  plot_calibration = function(d) { quiet("survival"); quiet("riskRegression"); quiet("prodlim"); r <- d$risk; t <- d$horizons[1]
    table <- data.frame(time = d$time, event = d$event)
    s <- Score(list(m = matrix(r)), Hist(time, event) ~ 1, table, times = t, plots = "calibration", metrics = NULL)
    function() plotCalibration(s, times = t, cens.method = "local", plot = FALSE) }
)
grDevices::pdf(NULL)  # plotCalibration opens a device even where it does not draw
input <- file("stdin", "r"); prepared <- NULL; key <- ""
repeat {
  line <- readLines(input, n = 1)
  if (length(line) == 0) break
  parts <- strsplit(line, "\t")[[1]]
  told <- tryCatch({
    if (key != line) { prepared <- NULL; key <- ""; gc()
      prepared <- jobs[[parts[1]]](fetch(parts[2])); invisible(capture.output(prepared())); key <- line }
    used <- system.time(invisible(capture.output(prepared())))
    paste0("SECONDS\t", used[["user.self"]] + used[["sys.self"]])
  }, error = function(e) paste0("ABSENT\t", substr(gsub("[\n\t]", " ", conditionMessage(e)), 1, 90)))
  cat(told, "\n", sep = ""); flush(stdout())
}
