import ArgumentParser

@main struct LogDump: ParsableCommand { func run() {} }
