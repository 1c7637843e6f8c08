import ArgumentParser

@main struct Rpcv: ParsableCommand { func run() {} }
