console.log("bom")
